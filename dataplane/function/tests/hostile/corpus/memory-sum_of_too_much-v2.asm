# hook call
f0:
    ldxdw %r3, [%r1]
    ldxdw %r2, [%r1+8]
    sub %r2, %r3
    div %r2, 7
    mov %r1, %r3
    call 39
    exit
