# SPDX-License-Identifier: MIT
# --version and version print the same line.
"$LUTRA" --version | sed 's/[0-9][0-9]*/N/g'
"$LUTRA" version | sed 's/[0-9][0-9]*/N/g'
