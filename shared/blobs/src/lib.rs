//! The content-addressed store of checkpoints, weights and large texts: a folder, S3 or GCS.
