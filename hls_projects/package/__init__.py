"""The archive that goes to a firmware engineer and to the experiment's software: one file a part."""
