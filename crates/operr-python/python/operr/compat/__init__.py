"""Names of earlier versions of TensorFlow."""
