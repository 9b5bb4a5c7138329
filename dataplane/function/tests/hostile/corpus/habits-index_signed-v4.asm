# hook call
f0:
    ldxdw %r2, [%r1+8]
    ldxdw %r1, [%r1]
    mov32 %r3, %r2
    sub32 %r3, %r1
    mov %r0, 0
    jslt32 %r3, 1, i17
    sub32 %r2, %r1
    and32 %r2, 2147483647
    mov32 %r3, %r2
    add32 %r3, -1
    add %r1, %r3
    add32 %r2, 1
i12:
    ldxsb %r3, [%r1]
    add %r0, %r3
    add %r1, -1
    add32 %r2, -1
    jsgt32 %r2, 1, i12
i17:
    exit
