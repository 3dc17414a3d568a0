# SPDX-License-Identifier: MIT
# A word that is no command and no file.
"$LUTRA" tokenise 2>&1
