# hook aggregate
# A guard of the first argument must not make the second one proven: the helper looks at that first.
f0:
    mov %r6, %r1
    ldxdw %r7, [%r6+56]
    mov %r1, %r7
    mov %r2, %r7
    mov %r3, 8
    call 113
    exit
