"""The formal check of a protocol: claims about every participant there can be, decided by the solver z3.

Reading order: `remark`, `encode`, `witness`, `prove`, `check`. It stands on the rule language and on z3 alone;
z3 is optional (`pip install 'prescreen[check]'`), and only `encode`, `witness`, `prove` and `check` import it.
"""
