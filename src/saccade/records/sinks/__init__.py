"""Where else a run shows its curves while it trains: Weights & Biases, TensorBoard. The record needs neither."""
