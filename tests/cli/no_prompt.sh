# SPDX-License-Identifier: MIT
# Nothing to do, and nobody to ask: no waiting.
"$LUTRA" run -m "$TINY" </dev/null 2>&1
