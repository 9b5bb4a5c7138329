# hook call
f0:
    ldxdw %r2, [%r1+8]
    ldxdw %r1, [%r1]
    add %r1, 4
    jgt %r1, %r2, i18
    lddw %r3, 0xf0000000
i5:
    ldxw %r4, [%r1-4]
    mov %r5, %r4
    mul %r5, -1640531527
    and %r5, %r3
    rsh %r5, 25
    lddw %r0, variables[0]
    add %r0, %r5
    ldxdw %r5, [%r0]
    add %r5, %r4
    stxdw [%r0], %r5
    add %r1, 4
    jgt %r1, %r2, i18
    ja i5
i18:
    lddw %r1, variables[0]
    ldxdw %r2, [%r1+24]
    ldxdw %r0, [%r1+96]
    add %r0, %r2
    exit
.variables zero 160
