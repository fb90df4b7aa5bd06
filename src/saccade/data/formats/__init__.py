"""Label formats, one file each. `sources.read_source` reads any of them; `tsv` and `csv` also write."""
