"""The native emulator: the firmware's integers in plain C++ with machine integers, for software that needs them fast.

``text.py`` writes one translation unit from the firmware graph, ``program_text.py`` the functions of its ops,
``layer_text.py`` those of its other layers; ``library.py`` compiles and keeps it, ``executor.py`` runs jets through it.
"""
