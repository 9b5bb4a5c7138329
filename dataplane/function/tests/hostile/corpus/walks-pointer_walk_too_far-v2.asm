# hook call
f0:
    mov %r0, 0
    ldxdw %r2, [%r1+8]
    ldxdw %r1, [%r1]
    mov %r3, %r1
    add %r3, 7
    jgt %r3, %r2, i17
    mov %r4, 0
    mov %r3, %r1
i8:
    ldxdw %r0, [%r1]
    add %r0, %r4
    add %r3, 8
    mov %r5, %r1
    add %r5, 15
    mov %r1, %r3
    mov %r4, %r0
    jgt %r5, %r2, i17
    ja i8
i17:
    exit
