# SPDX-License-Identifier: MIT
# No model at all.
"$LUTRA" run -p x </dev/null 2>&1
