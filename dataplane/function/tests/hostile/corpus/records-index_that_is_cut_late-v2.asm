# hook call
f0:
    mov %r0, -1
    ldxdw %r2, [%r1]
    ldxdw %r1, [%r1+8]
    sub %r1, %r2
    jlt %r1, 8, i12
    ldxdw %r3, [%r2]
    mov %r4, %r3
    lsh %r4, 32
    rsh %r4, 32
    jge %r4, %r1, i12
    add %r2, %r3
    ldxb %r0, [%r2]
i12:
    exit
