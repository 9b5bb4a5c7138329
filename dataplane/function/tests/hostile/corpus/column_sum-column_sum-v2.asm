# hook call
f0:
    ldxdw %r3, [%r1]
    ldxdw %r2, [%r1+8]
    sub %r2, %r3
    mov %r4, %r10
    add %r4, -16
    mov %r1, %r3
    mov %r3, 0
    call 1
    ldxdw %r1, [%r10-16]
    ldxdw %r2, [%r10-8]
    sub %r2, %r1
    rsh %r2, 2
    call 38
    exit
