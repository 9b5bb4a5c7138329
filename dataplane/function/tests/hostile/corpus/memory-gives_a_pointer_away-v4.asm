# hook call
f0:
    stdw [%r10-8], 7
    ldxdw %r3, [%r1]
    mov %r1, %r10
    add %r1, -8
    mov %r4, %r10
    add %r4, -24
    mov %r2, 8
    call 1
    exit
