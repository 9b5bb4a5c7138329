# hook call
f0:
    mov %r0, 0
    ldxdw %r2, [%r1]
    ldxdw %r1, [%r1+8]
    sub %r1, %r2
    jlt %r1, 16, i14
    rsh %r1, 4
    mov %r3, 0
    add %r2, 8
    mov %r4, 0
    ja i15
i10:
    add %r2, 16
    add %r3, 1
    mov %r4, %r0
    jlt %r3, %r1, i15
i14:
    exit
i15:
    ldxdw %r5, [%r2]
    ldxdw %r6, [%r2-8]
    mov %r0, %r3
    jgt %r6, %r5, i10
    mov %r0, %r4
    ja i10
