"""Characters, token ids and CTC, without torch: from labels to tokens and from log-probabilities to text."""
