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
    mov %r3, %r4
    rsh %r3, 3
    lddw %r5, variables[128]
    add %r5, %r3
    and %r4, 7
    mov %r3, 1
    mov %r6, 1
    lsh %r6, %r4
    ldxb %r4, [%r5]
    mov %r7, %r6
    or %r7, %r4
    stxb [%r5], %r7
    and %r6, %r4
    jne %r6, 0, i6
    mov %r3, 0
    ja i6
.variables zero 160
