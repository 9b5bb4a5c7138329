# hook call
f0:
    ldxdw %r2, [%r1]
    stxdw [%r10-16], %r2
    ldxdw %r1, [%r1+8]
    stxdw [%r10-8], %r1
    mov %r1, %r10
    add %r1, -16
    mov %r2, 16
    call 8
    mov %r0, 0
    exit
