"""Matting without a network, one paper a module; each makes a `Solution` of an image and a trimap.

The modules load parts of SciPy; `wisp.methods` names them all and loads one when its method is first used.
"""
