# hook call
f0:
    mov %r0, 0
    ldxdw %r2, [%r1]
    ldxdw %r1, [%r1+8]
    sub %r1, %r2
    lsh %r1, 32
    mov %r3, %r1
    arsh %r3, 32
    jslt %r3, 1, i26
    mov %r0, 0
    rsh %r1, 32
    add %r1, -1
    lddw %r3, 0x100000000
i12:
    mov %r4, %r1
    lsh %r4, 32
    mov %r5, %r4
    rsh %r5, 32
    mov %r6, %r2
    add %r6, %r5
    ldxb %r5, [%r6]
    lsh %r5, 56
    arsh %r5, 56
    add %r0, %r5
    add %r4, %r3
    add %r1, -1
    arsh %r4, 32
    jsgt %r4, 1, i12
i26:
    exit
