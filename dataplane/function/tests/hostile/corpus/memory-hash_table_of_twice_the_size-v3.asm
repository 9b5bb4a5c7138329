# hook call
f0:
    ldxdw %r2, [%r1+8]
    ldxdw %r1, [%r1]
    add %r1, 4
    jgt %r1, %r2, i16
i4:
    ldxw %r3, [%r1-4]
    mul32 %r3, -1640531535
    rsh32 %r3, 21
    lsh %r3, 2
    lddw %r4, variables[0]
    add %r4, %r3
    ldxw %r3, [%r4]
    add32 %r3, 1
    stxw [%r4], %r3
    add %r1, 4
    jgt %r1, %r2, i16
    ja i4
i16:
    lddw %r1, variables[0]
    ldxw %r0, [%r1+12]
    exit
.variables zero 4104
