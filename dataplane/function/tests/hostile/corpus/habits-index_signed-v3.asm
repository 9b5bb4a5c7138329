# hook call
f0:
    mov %r0, 0
    ldxdw %r2, [%r1]
    ldxdw %r1, [%r1+8]
    sub %r1, %r2
    jslt32 %r1, 1, i22
    mov %r0, 0
    lsh %r1, 32
    rsh %r1, 32
    add %r1, -1
i9:
    mov %r3, %r1
    lsh %r3, 32
    rsh %r3, 32
    mov %r4, %r2
    add %r4, %r3
    ldxb %r3, [%r4]
    lsh %r3, 56
    arsh %r3, 56
    add %r0, %r3
    add %r1, -1
    mov32 %r3, %r1
    add32 %r3, 2
    jsgt32 %r3, 1, i9
i22:
    exit
