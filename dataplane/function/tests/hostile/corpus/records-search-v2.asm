# hook call
f0:
    mov %r0, -1
    ldxdw %r2, [%r1]
    ldxdw %r1, [%r1+8]
    sub %r1, %r2
    jlt %r1, 8, i15
    mov %r0, 0
    add %r1, -8
    jlt %r1, 4, i15
    ldxw %r3, [%r2]
    add %r2, 8
    mov %r4, 0
    rsh %r1, 2
    ja i16
i13:
    mov %r4, %r0
    jlt %r0, %r1, i16
i15:
    exit
i16:
    mov %r0, %r1
    add %r0, %r4
    rsh %r0, 1
    mov %r5, %r0
    lsh %r5, 2
    mov %r6, %r2
    add %r6, %r5
    ldxw %r5, [%r6]
    jlt %r5, %r3, i26
    mov %r1, %r0
i26:
    add %r0, 1
    jlt %r5, %r3, i13
    mov %r0, %r4
    ja i13
