"""Two real TensorFlow environments on this machine, for people who want to see a report before they need one."""
