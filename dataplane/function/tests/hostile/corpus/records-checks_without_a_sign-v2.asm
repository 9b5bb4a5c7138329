# hook call
f0:
    mov %r0, -1
    ldxdw %r2, [%r1]
    ldxdw %r1, [%r1+8]
    sub %r1, %r2
    jlt %r1, 8, i9
    ldxdw %r3, [%r2]
    jge %r3, %r1, i9
    add %r2, %r3
    ldxb %r0, [%r2]
i9:
    exit
