"""The only code that touches untrusted bytes and codecs."""
