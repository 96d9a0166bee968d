"""What is asked of the directory, one module per subject: each function reads a request and answers it."""
