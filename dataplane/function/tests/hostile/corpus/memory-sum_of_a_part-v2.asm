# hook call
f0:
    mov %r2, %r1
    mov %r0, 0
    ldxdw %r1, [%r2]
    ldxdw %r2, [%r2+8]
    sub %r2, %r1
    jlt %r2, 8, i8
    rsh %r2, 3
    call 39
i8:
    exit
