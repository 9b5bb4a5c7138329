# hook call
f0:
    mov %r0, -1
    ldxdw %r2, [%r1+8]
    ldxdw %r3, [%r1]
    mov %r1, %r3
    add %r1, 8
    jgt %r1, %r2, i15
    mov %r0, 0
    mov %r1, %r3
    add %r1, 16
    jgt %r1, %r2, i15
    ldxw %r3, [%r3]
    mov %r0, 0
    ja i16
i13:
    add %r1, 8
    jle %r1, %r2, i16
i15:
    exit
i16:
    ldxw %r4, [%r1-8]
    jle %r4, %r3, i13
    ldxw %r4, [%r1-4]
    add %r0, %r4
    ja i13
