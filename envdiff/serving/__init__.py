"""What a TensorFlow Serving command line, its config files, its model directory and its endpoints really mean."""
