"""One module per specification, sans-I/O: values in, values out, or ``Reject``."""
