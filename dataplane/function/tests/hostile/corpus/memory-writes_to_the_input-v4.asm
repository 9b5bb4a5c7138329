# hook call
f0:
    ldxdw %r2, [%r1]
    ldxdw %r1, [%r1+8]
    jeq %r1, %r2, i4
    stb [%r2], 1
i4:
    mov %r0, 0
    exit
