# hook call
f0:
    mov %r0, 0
    ldxdw %r2, [%r1]
    ldxdw %r1, [%r1+8]
    jeq %r1, %r2, i10
    sub %r1, %r2
    mov %r4, 0
    mov %r3, 0
    ja i11
i8:
    mov %r4, %r3
    jlt %r3, %r1, i11
i10:
    exit
i11:
    add %r3, 1
    jge %r3, %r1, i10
    mov %r5, %r2
    add %r5, %r4
    ldxb %r4, [%r5]
    mov %r5, %r3
    ja i22
i18:
    add %r0, %r6
    add %r5, 1
    jlt %r5, %r1, i22
    ja i8
i22:
    mov %r6, %r2
    add %r6, %r5
    ldxb %r7, [%r6]
    mov32 %r6, 1
    jeq32 %r4, %r7, i18
    mov32 %r6, 0
    ja i18
