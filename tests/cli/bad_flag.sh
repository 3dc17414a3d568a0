# SPDX-License-Identifier: MIT
# An unknown flag is named, with a suggestion.
"$LUTRA" run -m x --tmp 1 2>&1
