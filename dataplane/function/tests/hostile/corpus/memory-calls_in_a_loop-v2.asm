# hook call
f0:
    ldxdw %r6, [%r1+8]
    ldxdw %r7, [%r1]
    mov %r1, %r7
    mov %r2, %r6
    call local f1
    add %r7, 8
    jgt %r7, %r6, i13
i7:
    ldxdw %r2, [%r7-8]
    mov %r1, %r0
    call local f2
    add %r7, 8
    jgt %r7, %r6, i13
    ja i7
i13:
    exit
f1:
    mov %r0, 0
    add %r1, 8
    jgt %r1, %r2, i23
    mov %r3, 0
i18:
    ldxdw %r0, [%r1-8]
    add %r0, %r3
    add %r1, 8
    mov %r3, %r0
    jle %r1, %r2, i18
i23:
    exit
f2:
    mov %r0, %r2
    xor %r0, %r1
    mul %r0, 31
    exit
