# hook call
f0:
    mov %r0, 0
    ldxdw %r2, [%r1]
    ldxdw %r3, [%r1+8]
    jge %r2, %r3, i10
    mov %r0, 0
    ja i11
i6:
    add %r0, %r3
    add %r2, 1
    ldxdw %r3, [%r1+8]
    jlt %r2, %r3, i11
i10:
    exit
i11:
    ldxb %r4, [%r2]
    mov32 %r3, %r4
    rsh32 %r3, 3
    lddw %r5, variables[128]
    add %r5, %r3
    and32 %r4, 7
    mov32 %r3, 1
    mov32 %r6, 1
    lsh32 %r6, %r4
    ldxb %r4, [%r5]
    mov32 %r7, %r6
    or32 %r7, %r4
    stxb [%r5], %r7
    and32 %r6, %r4
    jne32 %r6, 0, i6
    mov32 %r3, 0
    ja i6
.variables zero 160
