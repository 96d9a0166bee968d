"""What `trustweft up` starts besides the participants' own code: a sample bank, a sample client, a home page."""
