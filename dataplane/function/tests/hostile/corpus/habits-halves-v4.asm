# hook filter
f0:
    mov %r0, 0
    ldxdw %r2, [%r1+16]
    ldxdw %r3, [%r1+24]
    sub %r3, %r2
    rsh %r3, 2
    jeq32 %r3, 0, i29
    mov32 %r4, 0
    ldxdw %r1, [%r1+32]
    ja i13
i9:
    mov32 %r4, %r0
    jlt32 %r0, %r3, i13
    mov32 %r0, %r0
    ja i29
i13:
    mov32 %r5, %r3
    sub32 %r5, %r4
    rsh32 %r5, 1
    add32 %r5, %r4
    mov %r0, %r5
    lsh %r0, 2
    mov %r6, %r2
    add %r6, %r0
    ldxw %r6, [%r6]
    mov32 %r0, %r5
    add32 %r0, 1
    jgt %r1, %r6, i26
    mov32 %r0, %r4
i26:
    jgt %r1, %r6, i9
    mov32 %r3, %r5
    ja i9
i29:
    exit
