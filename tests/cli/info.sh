# SPDX-License-Identifier: MIT
# Keys, tensors, bytes per type, bytes per token.
"$LUTRA" info "$TINY" | grep -o 'GGUF v3\|general.architecture .*\|blk.0.attn_q.weight .*\|^  TQ2_0 .*\|^bytes read per generated token.*' |
    tr -s ' '
