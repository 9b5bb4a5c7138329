# hook call
f0:
    mov %r0, -1
    ldxdw %r2, [%r1+8]
    ldxdw %r3, [%r1]
    mov %r1, %r3
    add %r1, 8
    jgt %r1, %r2, i14
    mov %r0, 0
    mov %r1, %r3
    add %r1, 16
    jgt %r1, %r2, i14
    ldxw %r3, [%r3]
    ja i15
i12:
    add %r1, 8
    jle %r1, %r2, i15
i14:
    exit
i15:
    ldxw %r4, [%r1-8]
    jle32 %r4, %r3, i12
    ldxw %r4, [%r1-4]
    add %r0, %r4
    ja i12
