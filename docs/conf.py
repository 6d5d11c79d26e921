"""Settings of the documentation site: ``make docs`` builds it into ``build/docs``, and a warning is an error."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "extensions"))

from tritag import __version__

project = "tritag"
author = "The tritag developers"
copyright = author
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "sphinx_design",
    "sphinx_copybutton",
    "numpydoc",
    "from_code",
]
exclude_patterns = ["sbom.json"]
html_theme = "furo"
html_title = f"tritag {version}"
html_show_copyright = False
html_show_sphinx = False
html_static_path = ["static"]
html_css_files = ["site.css"]

# Headings can be linked to by the names that GitHub gives them, as in the same pages read in the repository.
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "fieldlist"]
suppress_warnings = ["myst.strikethrough"]

autodoc_member_order = "bysource"
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = True
copybutton_copy_empty_lines = False

linkcheck_timeout = 20
linkcheck_retries = 2
