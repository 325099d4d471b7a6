"""A synthetic person, rendered from the CC0 MakeHuman head, for the bundled example.

An offline renderer in numpy and numba, written for this one purpose: mesh and hair strands are rasterised at a multiple
of the final size, light is gathered by ray casting at the vertices, skin scatters light in screen space.
Nothing of it runs in the product.
"""
