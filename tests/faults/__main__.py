"""`python -m tests.faults [NAME ...]`"""

import sys

from tests.faults import main

sys.exit(main(sys.argv[1:]))
