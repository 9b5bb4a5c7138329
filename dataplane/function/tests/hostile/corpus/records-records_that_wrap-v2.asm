# hook call
f0:
    mov %r0, 0
    ldxdw %r2, [%r1+8]
    ldxdw %r3, [%r1]
    mov %r1, %r3
    add %r1, 8
    jgt %r1, %r2, i20
    mov %r1, 0
    mov %r4, %r3
i8:
    mov %r0, -1
    ldxdw %r5, [%r3]
    add %r4, %r5
    jgt %r4, %r2, i20
    add %r5, %r3
    ldxb %r3, [%r5-1]
    add %r1, %r3
    mov %r5, %r4
    add %r5, 8
    mov %r3, %r4
    mov %r0, %r1
    jle %r5, %r2, i8
i20:
    exit
