"""The only code that touches untrusted bytes and codecs: pictures, sound, video, MIDI, and how files are written.

Readers open a file once, check what its header claims against :mod:`espressivo.media.limits` before decoding, and let
nothing but the package's own errors out. Writers publish a file only when it is complete.
"""
