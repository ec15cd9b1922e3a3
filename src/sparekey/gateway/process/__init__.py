"""The gateway as processes: listening, reloading, stopping, workers, certificates, the files that it keeps."""
