"""Configuration: models, file formats, secret references, older forms."""
